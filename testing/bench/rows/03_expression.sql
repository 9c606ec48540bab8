COPY (
  SELECT count(*) AS rows, sum(price) AS price
  FROM read_parquet('$path')
  WHERE price * 1.1::DOUBLE + 0.5::DOUBLE * distance > 700.0::DOUBLE
) TO '$out' (FORMAT csv, HEADER);
