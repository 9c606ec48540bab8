module.exports = ({ pl, flights }) =>
  flights
    .filter(pl.col("delay").isNotNull().and(pl.col("delay").lt(1440)))
    .groupBy("origin")
    .agg(pl.len().alias("flights"), pl.col("delay").mean().alias("mean_delay"), pl.col("distance").max().alias("farthest"));
