COPY (
  SELECT count(*) AS rows,
    count(delay) AS delay_n, sum(delay) AS delay_sum, min(delay) AS delay_min, max(delay) AS delay_max,
    count(distance) AS distance_n, sum(distance) AS distance_sum, min(distance) AS distance_min, max(distance) AS distance_max,
    count(air_time) AS air_time_n, sum(air_time) AS air_time_sum, min(air_time) AS air_time_min, max(air_time) AS air_time_max,
    count(taxi_out) AS taxi_out_n, sum(taxi_out) AS taxi_out_sum, min(taxi_out) AS taxi_out_min, max(taxi_out) AS taxi_out_max,
    count(price) AS price_n, sum(price) AS price_sum, min(price) AS price_min, max(price) AS price_max
  FROM read_parquet('$path')
) TO '$out' (FORMAT csv, HEADER);
