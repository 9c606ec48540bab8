const five = ["delay", "distance", "air_time", "taxi_out", "price"];
const carriers = ["WN", "DL", "AA", "UA", "US", "NW", "MQ", "CO", "TW", "HP", "AS", "OO", "AQ", "HA"];

module.exports = ({ pl, flights }) => {
  // Its std is that of a sample only, by n - 1.
  const population = pl.len().cast(pl.Float64).minus(1).divideBy(pl.len()).pow(0.5);
  const scaled = (c) => pl.col(c).minus(pl.col(c).mean()).divideBy(pl.col(c).std().multiplyBy(population)).alias(c);
  const codes = (c) => flights.select(pl.col(c).unique().sort()).withRowIndex(`${c}_code`);
  return flights
    .withColumns(
      pl.col("delay").fillNull(pl.col("delay").mean().round(0).cast(pl.Int64)),
      pl.col("air_time").fillNull(pl.col("air_time").mean()),
    )
    .withColumns(...five.map(scaled))
    .join(codes("origin"), { on: "origin" })
    .join(codes("destination"), { on: "destination" })
    .select(
      "date", "delay", "distance",
      pl.col("origin_code").cast(pl.Int32).alias("origin"), pl.col("destination_code").cast(pl.Int32).alias("destination"),
      "carrier", "tail_number", "air_time", "taxi_out", "price",
      ...carriers.map((c) => pl.col("carrier").eq(pl.lit(c)).cast(pl.Int64).alias(`is_${c.toLowerCase()}`)),
    );
};
module.exports.ordered = true;
