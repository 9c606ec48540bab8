COPY (
  SELECT
    quantile_cont(delay, 0.05) AS delay_05, quantile_cont(delay, 0.25) AS delay_25, quantile_cont(delay, 0.5) AS delay_50, quantile_cont(delay, 0.75) AS delay_75, quantile_cont(delay, 0.95) AS delay_95,
    quantile_cont(distance, 0.05) AS distance_05, quantile_cont(distance, 0.25) AS distance_25, quantile_cont(distance, 0.5) AS distance_50, quantile_cont(distance, 0.75) AS distance_75, quantile_cont(distance, 0.95) AS distance_95,
    quantile_cont(air_time, 0.05) AS air_time_05, quantile_cont(air_time, 0.25) AS air_time_25, quantile_cont(air_time, 0.5) AS air_time_50, quantile_cont(air_time, 0.75) AS air_time_75, quantile_cont(air_time, 0.95) AS air_time_95,
    quantile_cont(taxi_out, 0.05) AS taxi_out_05, quantile_cont(taxi_out, 0.25) AS taxi_out_25, quantile_cont(taxi_out, 0.5) AS taxi_out_50, quantile_cont(taxi_out, 0.75) AS taxi_out_75, quantile_cont(taxi_out, 0.95) AS taxi_out_95,
    quantile_cont(price, 0.05) AS price_05, quantile_cont(price, 0.25) AS price_25, quantile_cont(price, 0.5) AS price_50, quantile_cont(price, 0.75) AS price_75, quantile_cont(price, 0.95) AS price_95
  FROM read_parquet('$path')
) TO '$out' (FORMAT csv, HEADER);
