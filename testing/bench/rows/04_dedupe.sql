-- Which of equal rows stays decides the sum of prices: the first, as a nightly job that must repeat itself wants it.
COPY (
  SELECT count(*) AS rows, sum(delay) AS delay, sum(price) AS price
  FROM (
    SELECT any_value(delay) AS delay, arg_min(price, file_row_number) AS price
    FROM read_parquet('$path', file_row_number = true)
    GROUP BY date, tail_number, origin, destination
  )
) TO '$out' (FORMAT csv, HEADER);
