COPY (
  WITH
    flights AS (SELECT * FROM read_parquet('$path')),
    means AS (SELECT round(avg(delay))::BIGINT AS delay_mean, avg(air_time) AS air_time_mean FROM flights),
    filled AS (
      SELECT flights.* REPLACE (coalesce(delay, delay_mean) AS delay, coalesce(air_time, air_time_mean) AS air_time)
      FROM flights, means
    ),
    spread AS (
      SELECT avg(delay) AS delay_avg, stddev_pop(delay) AS delay_std,
        avg(distance) AS distance_avg, stddev_pop(distance) AS distance_std,
        avg(air_time) AS air_time_avg, stddev_pop(air_time) AS air_time_std,
        avg(taxi_out) AS taxi_out_avg, stddev_pop(taxi_out) AS taxi_out_std,
        avg(price) AS price_avg, stddev_pop(price) AS price_std
      FROM filled
    ),
    origins AS (SELECT origin, (row_number() OVER (ORDER BY origin) - 1)::INTEGER AS code FROM (SELECT DISTINCT origin FROM flights)),
    destinations AS (
      SELECT destination, (row_number() OVER (ORDER BY destination) - 1)::INTEGER AS code FROM (SELECT DISTINCT destination FROM flights)
    )
  SELECT date,
    (delay - delay_avg) / delay_std AS delay, (distance - distance_avg) / distance_std AS distance,
    origins.code AS origin, destinations.code AS destination, carrier, tail_number,
    (air_time - air_time_avg) / air_time_std AS air_time, (taxi_out - taxi_out_avg) / taxi_out_std AS taxi_out,
    (price - price_avg) / price_std AS price,
    (carrier = 'WN')::BIGINT AS is_wn, (carrier = 'DL')::BIGINT AS is_dl, (carrier = 'AA')::BIGINT AS is_aa,
    (carrier = 'UA')::BIGINT AS is_ua, (carrier = 'US')::BIGINT AS is_us, (carrier = 'NW')::BIGINT AS is_nw,
    (carrier = 'MQ')::BIGINT AS is_mq, (carrier = 'CO')::BIGINT AS is_co, (carrier = 'TW')::BIGINT AS is_tw,
    (carrier = 'HP')::BIGINT AS is_hp, (carrier = 'AS')::BIGINT AS is_as, (carrier = 'OO')::BIGINT AS is_oo,
    (carrier = 'AQ')::BIGINT AS is_aq, (carrier = 'HA')::BIGINT AS is_ha
  FROM filled CROSS JOIN spread JOIN origins USING (origin) JOIN destinations USING (destination)
) TO '$out' (FORMAT parquet, COMPRESSION $codec, ROW_GROUP_SIZE 122880);
