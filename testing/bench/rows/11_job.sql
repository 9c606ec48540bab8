-- What DuckDB does of the whole job: everything up to the features. late_arrival.yaml in examples/arrivals says the same.
-- The first of equal rows stays; the columns in which they cannot differ need no search for it.
CREATE TABLE flights AS
  SELECT date, origin, destination, tail_number, any_value(carrier) AS carrier, any_value(distance) AS distance,
    any_value(delay) > 15 AS late, arg_min(taxi_out, file_row_number) AS taxi_out, arg_min(price, file_row_number) AS price,
    min(file_row_number) AS row
  FROM read_parquet('$path', file_row_number = true)
  WHERE delay IS NOT NULL
  GROUP BY date, origin, destination, tail_number;

-- Fold -1 is the test part: the newest fifth.
CREATE TABLE parted AS
  WITH cut AS (SELECT quantile_disc(date, 0.8) AS last FROM flights)
  SELECT row, origin, destination, tail_number, carrier, late, taxi_out,
    month(date) AS month, isodow(date) AS weekday, hour(date) AS hour, 60 * hour(date) + minute(date) AS minute,
    ln(distance) AS log_distance, ln(1 + price) AS log_price, price / distance AS price_per_mile,
    taxi_out / distance AS taxi_per_mile,
    CASE WHEN date > last THEN -1 ELSE (hash(date, origin, destination, tail_number) % 5)::INTEGER END AS fold
  FROM flights, cut;

-- The share of late flights by a key: for the rows of a fold from the other folds, for fold -1 from all.
CREATE MACRO rates(key) AS TABLE
  WITH
    sums AS (SELECT key AS value, fold, count(*) AS n, sum(late::INTEGER) AS s FROM parted WHERE fold >= 0 GROUP BY ALL),
    wholes AS (SELECT value, sum(n) AS n, sum(s) AS s FROM sums GROUP BY ALL)
  SELECT value, fold, (wholes.s - coalesce(sums.s, 0) + 50 * prior) / (wholes.n - coalesce(sums.n, 0) + 50) AS rate
  FROM wholes CROSS JOIN priors LEFT JOIN sums USING (value, fold);

CREATE TABLE priors AS
  SELECT others.fold, avg(late::INTEGER) AS prior
  FROM (SELECT fold FROM range(-1, 5) AS r(fold)) AS others JOIN parted ON parted.fold <> others.fold AND parted.fold >= 0
  GROUP BY others.fold;

CREATE TABLE features AS
  SELECT row, CASE WHEN fold < 0 THEN 1 ELSE 0 END AS test, carrier, late::INTEGER AS late,
    taxi_out, month, weekday, hour, minute, log_distance, log_price, price_per_mile, taxi_per_mile,
    coalesce(o.rate, prior) AS origin_late, coalesce(d.rate, prior) AS destination_late, coalesce(c.rate, prior) AS carrier_late,
    coalesce(t.rate, prior) AS tail_late, coalesce(r.rate, prior) AS route_late, coalesce(h.rate, prior) AS origin_hour_late
  FROM parted JOIN priors USING (fold)
    LEFT JOIN rates(origin) AS o ON o.value = origin AND o.fold = parted.fold
    LEFT JOIN rates(destination) AS d ON d.value = destination AND d.fold = parted.fold
    LEFT JOIN rates(carrier) AS c ON c.value = carrier AND c.fold = parted.fold
    LEFT JOIN rates(tail_number) AS t ON t.value = tail_number AND t.fold = parted.fold
    LEFT JOIN rates((origin, destination)) AS r ON r.value = (origin, destination) AND r.fold = parted.fold
    LEFT JOIN rates((origin, hour)) AS h ON h.value = (origin, hour) AND h.fold = parted.fold;
