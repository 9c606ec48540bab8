module.exports = ({ pl, flights }) =>
  flights
    .unique({ subset: ["date", "tail_number", "origin", "destination"], keep: "first" })
    .select(pl.len().alias("rows"), pl.col("delay").sum().alias("delay"), pl.col("price").sum().alias("price"));
