-- What an approximate quantile must lie between: the exact values a hundredth of the rows below and above.
COPY (
  SELECT
    quantile_disc(delay, 0.04) AS delay_05_lo, quantile_disc(delay, 0.06) AS delay_05_hi,
    quantile_disc(delay, 0.24) AS delay_25_lo, quantile_disc(delay, 0.26) AS delay_25_hi,
    quantile_disc(delay, 0.49) AS delay_50_lo, quantile_disc(delay, 0.51) AS delay_50_hi,
    quantile_disc(delay, 0.74) AS delay_75_lo, quantile_disc(delay, 0.76) AS delay_75_hi,
    quantile_disc(delay, 0.94) AS delay_95_lo, quantile_disc(delay, 0.96) AS delay_95_hi,
    quantile_disc(distance, 0.04) AS distance_05_lo, quantile_disc(distance, 0.06) AS distance_05_hi,
    quantile_disc(distance, 0.24) AS distance_25_lo, quantile_disc(distance, 0.26) AS distance_25_hi,
    quantile_disc(distance, 0.49) AS distance_50_lo, quantile_disc(distance, 0.51) AS distance_50_hi,
    quantile_disc(distance, 0.74) AS distance_75_lo, quantile_disc(distance, 0.76) AS distance_75_hi,
    quantile_disc(distance, 0.94) AS distance_95_lo, quantile_disc(distance, 0.96) AS distance_95_hi,
    quantile_disc(air_time, 0.04) AS air_time_05_lo, quantile_disc(air_time, 0.06) AS air_time_05_hi,
    quantile_disc(air_time, 0.24) AS air_time_25_lo, quantile_disc(air_time, 0.26) AS air_time_25_hi,
    quantile_disc(air_time, 0.49) AS air_time_50_lo, quantile_disc(air_time, 0.51) AS air_time_50_hi,
    quantile_disc(air_time, 0.74) AS air_time_75_lo, quantile_disc(air_time, 0.76) AS air_time_75_hi,
    quantile_disc(air_time, 0.94) AS air_time_95_lo, quantile_disc(air_time, 0.96) AS air_time_95_hi,
    quantile_disc(taxi_out, 0.04) AS taxi_out_05_lo, quantile_disc(taxi_out, 0.06) AS taxi_out_05_hi,
    quantile_disc(taxi_out, 0.24) AS taxi_out_25_lo, quantile_disc(taxi_out, 0.26) AS taxi_out_25_hi,
    quantile_disc(taxi_out, 0.49) AS taxi_out_50_lo, quantile_disc(taxi_out, 0.51) AS taxi_out_50_hi,
    quantile_disc(taxi_out, 0.74) AS taxi_out_75_lo, quantile_disc(taxi_out, 0.76) AS taxi_out_75_hi,
    quantile_disc(taxi_out, 0.94) AS taxi_out_95_lo, quantile_disc(taxi_out, 0.96) AS taxi_out_95_hi,
    quantile_disc(price, 0.04) AS price_05_lo, quantile_disc(price, 0.06) AS price_05_hi,
    quantile_disc(price, 0.24) AS price_25_lo, quantile_disc(price, 0.26) AS price_25_hi,
    quantile_disc(price, 0.49) AS price_50_lo, quantile_disc(price, 0.51) AS price_50_hi,
    quantile_disc(price, 0.74) AS price_75_lo, quantile_disc(price, 0.76) AS price_75_hi,
    quantile_disc(price, 0.94) AS price_95_lo, quantile_disc(price, 0.96) AS price_95_hi
  FROM read_parquet('$path')
) TO '$out' (FORMAT csv, HEADER);
