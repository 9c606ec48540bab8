//go:build !amd64 || headrace_noasm

package forest

// Pays says whether Add is faster than walking from node to node: where no level has kernels it is not.
func Pays() bool { return false }

// MayPay says whether Pays may say so on this machine: where not, no tree need be made ready.
func MayPay() bool { return false }

// RowMayPay says whether RowPays may say so.
func RowMayPay() bool { return false }

// RowPays says whether Row is faster than walking.
func RowPays() bool { return false }

func rowCodes(dst *[2 * RowCuts]uint16, xs []float64, cuts []*Cuts) { rowCodesGo(dst, xs, cuts) }

func pass(leaf *[rowTrees]uint32, g group, codes *[2 * RowCuts]uint16) { passGo(leaf, g, codes) }

func reach(leaf *[Rows]uint8, nodes []node, codes []uint8, masks *[masksMax * Rows / 8]uint64) {
	reachGo(leaf, nodes, codes, masks)
}

func beyond(dst, codes *[Rows]uint8, set *[4]uint64) { beyondGo(dst, codes, set) }

func add(score *[Rows]float64, leaf *[Rows]uint8, value []float64) { addGo(score, leaf, value) }

func codes(low, high []uint8, xs []float64, c *Cuts) { codesGo(low, high, xs, c) }
