COPY (
  SELECT
    approx_quantile(delay, 0.05) AS delay_05, approx_quantile(delay, 0.25) AS delay_25, approx_quantile(delay, 0.5) AS delay_50, approx_quantile(delay, 0.75) AS delay_75, approx_quantile(delay, 0.95) AS delay_95,
    approx_quantile(distance, 0.05) AS distance_05, approx_quantile(distance, 0.25) AS distance_25, approx_quantile(distance, 0.5) AS distance_50, approx_quantile(distance, 0.75) AS distance_75, approx_quantile(distance, 0.95) AS distance_95,
    approx_quantile(air_time, 0.05) AS air_time_05, approx_quantile(air_time, 0.25) AS air_time_25, approx_quantile(air_time, 0.5) AS air_time_50, approx_quantile(air_time, 0.75) AS air_time_75, approx_quantile(air_time, 0.95) AS air_time_95,
    approx_quantile(taxi_out, 0.05) AS taxi_out_05, approx_quantile(taxi_out, 0.25) AS taxi_out_25, approx_quantile(taxi_out, 0.5) AS taxi_out_50, approx_quantile(taxi_out, 0.75) AS taxi_out_75, approx_quantile(taxi_out, 0.95) AS taxi_out_95,
    approx_quantile(price, 0.05) AS price_05, approx_quantile(price, 0.25) AS price_25, approx_quantile(price, 0.5) AS price_50, approx_quantile(price, 0.75) AS price_75, approx_quantile(price, 0.95) AS price_95
  FROM read_parquet('$path')
) TO '$out' (FORMAT csv, HEADER);
