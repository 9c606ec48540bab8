module.exports = ({ pl, flights }) => flights.select(pl.len().alias("rows"));
