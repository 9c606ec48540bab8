// Lazy frames have no sample: a hash of the row's number draws as well.
module.exports = ({ pl, flights }) =>
  flights
    .withRowIndex("row")
    .filter(pl.col("row").hash(1).modulo(pl.lit(10).cast(pl.UInt64)).eq(pl.lit(0).cast(pl.UInt64)))
    .drop("row");
module.exports.ordered = true;
