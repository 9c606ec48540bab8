COPY (
  SELECT * FROM read_parquet('$path')
  ORDER BY origin, delay DESC NULLS LAST, date
) TO '$out' (FORMAT parquet, COMPRESSION $codec, ROW_GROUP_SIZE 122880);
