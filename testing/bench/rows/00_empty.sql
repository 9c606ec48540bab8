COPY (
  SELECT count(*) AS rows FROM read_parquet('$path')
) TO '$out' (FORMAT csv, HEADER);
