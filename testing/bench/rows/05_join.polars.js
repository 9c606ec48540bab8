module.exports = ({ pl, flights }) => {
  const dated = flights.withColumn(pl.col("date").cast(pl.Date).alias("day"));
  const daily = dated.groupBy(["origin", "day"]).agg(pl.len().alias("flights"), pl.col("delay").mean().alias("mean_delay"));
  return dated
    .join(daily, { on: ["origin", "day"], how: "inner" })
    .select(
      pl.len().alias("rows"),
      pl.col("flights").cast(pl.Int64).sum().alias("flights"),
      pl.col("mean_delay").sum().alias("mean_delay"),
      pl.col("price").sum().alias("price"),
    );
};
