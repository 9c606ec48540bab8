COPY (
  SELECT origin, count(*) AS flights, avg(delay) AS mean_delay, max(distance) AS farthest
  FROM read_parquet('$path')
  WHERE delay IS NOT NULL AND delay < 1440
  GROUP BY origin
) TO '$out' (FORMAT csv, HEADER);
