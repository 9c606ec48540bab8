package main

import (
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Haversine is feature.haversine. Its fields are its options: the tags are what the check, the JSON Schema and the reference know.
type Haversine struct {
	As        string  `param:"as" doc:"the column to make" default:"km"`
	Latitude  string  `param:"latitude" doc:"the column of the rows' latitude, in degrees north" default:"latitude"`
	Longitude string  `param:"longitude" doc:"the column of the rows' longitude, in degrees east" default:"longitude"`
	ToLat     float64 `param:"to_latitude" doc:"the place's latitude" required:"true" min:"-90" max:"90"`
	ToLon     float64 `param:"to_longitude" doc:"the place's longitude" required:"true" min:"-180" max:"180"`
}

func init() {
	operators.Register(haversineSpec())
}

// haversineSpec is the operator's entry in the catalogue. The examples are its documentation, and what the laws try it on.
func haversineSpec() operators.Spec {
	return operators.Spec{
		Name: "feature.haversine", Version: 1, New: func() operators.Op { return &Haversine{} },
		Doc: "Gives the distance from a place along the Earth's surface, in kilometres. The Earth is a ball of 6371.0088 km radius, " +
			"which is right to half a percent. A null coordinate gives null, one that is no finite number NaN.",
		Example: []operators.Example{{
			Doc:     "from Dallas Fort Worth: to itself, to the other side of the Earth, to nowhere",
			Options: "{as: km_dallas, to_latitude: 32.8968, to_longitude: -97.038}",
			In: []string{`
				_part | latitude float64? | longitude float64
				train | 32.8968           | -97.038
				train | -32.8968          | 82.962
				valid | nil               | 0
				test  | NaN               | 0`},
			Out: `
				_part | latitude float64? | longitude float64 | km_dallas float64?
				train | 32.8968           | -97.038           | 0
				train | -32.8968          | 82.962            | 20015.114442035923
				valid | nil               | 0                 | nil
				test  | NaN               | 0                 | NaN`,
		}, {
			Doc:     "whole degrees do; a column that is there already is replaced",
			Options: "{latitude: y, longitude: x, to_latitude: 0, to_longitude: 0}",
			In: []string{`
				y int64 | x int32? | km float32
				0       | 90       | 1
				90      | nil      | 2
				0       | 360      | 3`},
			Out: `
				y int64 | x int32? | km float64?
				0       | 90       | 10007.557221017962
				90      | nil      | nil
				0       | 360      | 0`,
		}},
	}
}

// coordinates finds the two columns, and says what is wrong with them.
func (h *Haversine) coordinates(s operators.Site) ([]operators.Field, diag.List) {
	var fields []operators.Field
	var l diag.List
	for _, c := range [][2]string{{"latitude", h.Latitude}, {"longitude", h.Longitude}} {
		f, bad := s.In[0].Want(c[1], diag.Option(c[0]))
		l.Add(bad...)
		// a column of unknown type is another step's mistake, which was told there
		if f.Type.Kind != batch.Unknown && !takes(f.Type) {
			l.Add(diag.New(diag.ColumnType, diag.Option(c[0]), "column %q is %s, and a coordinate is a float or a whole number", f.Name, f.Type).
				WithHelp("clean.cast makes a number of it"))
			f.Type = batch.T(batch.Unknown)
		}
		fields = append(fields, f)
	}
	return fields, l
}

func takes(t batch.Type) bool { return t.Float() || t.Integer() }

// Check says that there is one more column, and what a row of it needs.
func (h *Haversine) Check(s operators.Site) (operators.Output, diag.List) {
	in, l := h.coordinates(s)
	if h.As == "" || strings.HasPrefix(h.As, "@") {
		l.Add(diag.New(diag.BadName, diag.Option("as"), "%q is no name for a column", h.As))
	}
	return operators.Output{Made: []operators.Made{{
		Field: operators.Field{Name: h.As, Type: batch.T(batch.Float64), Nullable: in[0].Nullable || in[1].Nullable},
		Apply: []string{h.Latitude, h.Longitude},
	}}}, l
}

// Narrow has nothing to leave out: one column is made.
func (h *Haversine) Narrow(operators.Site, []string) operators.Op { return h }

// Program is a graph of one node. It is known before a row is read, so the operator has the role Row; one that learns has Begin.
func (h *Haversine) Program(s operators.Site) program.Graph {
	in, _ := h.coordinates(s)
	return program.One(&Distance{Lat: h.ToLat, Lon: h.ToLon},
		[]program.Named{{Name: in[0].Name, Type: in[0].Type}, {Name: in[1].Name, Type: in[1].Type}},
		[]program.Named{{Name: h.As, Type: batch.T(batch.Float64)}})
}
