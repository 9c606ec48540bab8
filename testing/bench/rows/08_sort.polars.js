module.exports = ({ pl, flights }) => flights.sort(["origin", "delay", "date"], [false, true, false], true);
module.exports.ordered = true;
