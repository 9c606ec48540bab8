module.exports = ({ pl, flights }) =>
  flights
    .filter(pl.col("price").mul(1.1).add(pl.col("distance").mul(0.5)).gt(700))
    .select(pl.len().alias("rows"), pl.col("price").sum().alias("price"));
