package hash

// Values for ever: see TestGolden.
const (
	goldenU64     = 0x63f8b6ede93d077e
	goldenEmpty   = 0xdea51f90f4e8f621
	goldenName    = 0x12cb1af1c2a3da31
	goldenCombine = 0xb5fa48ba82301c34
	goldenSeed    = 0x973de559c2d7e7bd
	goldenDraw    = 0x1b231ea453acbdfc
	goldenAll     = 0xed7f0f877df94c70
)
