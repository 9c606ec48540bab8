const five = ["delay", "distance", "air_time", "taxi_out", "price"];

module.exports = ({ pl, flights }) =>
  flights.select(
    pl.len().alias("rows"),
    ...five.flatMap((c) => [
      pl.col(c).count().alias(`${c}_n`),
      pl.col(c).sum().alias(`${c}_sum`),
      pl.col(c).min().alias(`${c}_min`),
      pl.col(c).max().alias(`${c}_max`),
    ]),
  );
