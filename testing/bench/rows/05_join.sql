COPY (
  WITH
    dated AS (SELECT *, date::DATE AS day FROM read_parquet('$path')),
    daily AS (SELECT origin, day, count(*) AS flights, avg(delay) AS mean_delay FROM dated GROUP BY origin, day)
  SELECT count(*) AS rows, sum(flights) AS flights, sum(mean_delay) AS mean_delay, sum(price) AS price
  FROM dated JOIN daily USING (origin, day)
) TO '$out' (FORMAT csv, HEADER);
