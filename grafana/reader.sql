-- The role of Grafana's data source: it reads what dashboards show, and nothing else. Safe to run again, and to be run
-- again after every upgrade, because an upgrade may bring tables. As the role that owns the tables:
--   psql "$DATABASE_URL" --set=ON_ERROR_STOP=1 --set=password="$(cat grafana_reader_password)" --file=grafana/reader.sql
SELECT 'CREATE ROLE spend_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'spend_reader') \gexec
ALTER ROLE spend_reader LOGIN NOINHERIT CONNECTION LIMIT 20 PASSWORD :'password';
ALTER ROLE spend_reader SET default_transaction_read_only = on;
ALTER ROLE spend_reader SET statement_timeout = '30s';
ALTER ROLE spend_reader SET timezone = 'UTC';

BEGIN; -- no dashboard sees the moment in between
GRANT USAGE ON SCHEMA public TO spend_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO spend_reader;

-- Credentials are encrypted, and still nobody's business; samples are what a provider answered unexpectedly.
REVOKE ALL ON accounts, sync_runs FROM spend_reader;
SELECT format('GRANT SELECT (%s) ON %s TO spend_reader', string_agg(quote_ident(attname), ', '), attrelid::regclass)
FROM pg_attribute
WHERE attrelid IN ('accounts'::regclass, 'sync_runs'::regclass) AND attnum > 0 AND NOT attisdropped
  AND attname NOT IN ('credentials', 'options', 'sample')
GROUP BY attrelid
\gexec
COMMIT;
