-- Nowcasts.

SELECT 1;
