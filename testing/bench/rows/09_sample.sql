COPY (
  SELECT * FROM read_parquet('$path') USING SAMPLE 10 PERCENT (bernoulli, 1)
) TO '$out' (FORMAT parquet, COMPRESSION $codec, ROW_GROUP_SIZE 122880);
