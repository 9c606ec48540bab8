package dags_test

import (
	"context"
	"errors"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/param"
)

// The operators here have the options of real ones and do nothing: what a file says can be tested without what it does.

type fake struct{}

func (fake) Check(operators.Site) (operators.Output, diag.List) { return operators.Output{}, nil }

type (
	filter struct {
		fake
		Where expr.Source `param:"where" doc:"the condition" required:"true"`
	}
	derive struct {
		fake
		Columns param.Pairs[expr.Source] `param:",inline" doc:"a column and its expression"`
	}
	columns struct {
		fake
		Columns operators.Columns `param:"columns" doc:"which" required:"true"`
	}
	distinct struct {
		fake
		Key []string `param:"key" doc:"which columns make a row"`
	}
	split struct {
		fake
		By     string           `param:"by" enum:"random|time|group" default:"random" doc:"what rows are split by"`
		Column string           `param:"column" doc:"of by: time"`
		Train  float64          `param:"train" min:">0" max:"<1" required:"true" doc:"the share"`
		Valid  float64          `param:"valid" min:"0" max:"<1" doc:"the share"`
		Test   float64          `param:"test" min:"0" max:"<1" doc:"the share"`
		Gap    param.Bytes      `param:"gap" doc:"a size, for tests"`
		Names  []string         `param:"names" doc:"a list, for tests"`
		Seed   *int64           `param:"seed" doc:"a pointer, for tests"`
		Only   param.Pairs[int] `param:"weights" min:"1" doc:"a map, for tests"`
	}
	encode struct {
		fake
		Columns   operators.Columns `param:"columns" required:"true" doc:"which"`
		Method    string            `param:"method" enum:"target|one_hot" default:"target" doc:"how"`
		CrossFit  int               `param:"cross_fit" min:"2" max:"20" default:"5" doc:"folds"`
		Smoothing float64           `param:"smoothing" min:"0" default:"10" doc:"the weight of the mean"`
	}
	scale struct {
		fake
		Columns operators.Columns `param:"columns" required:"true" doc:"which"`
		Method  string            `param:"method" enum:"standard|robust" default:"standard" doc:"how"`
	}
	gbdt struct {
		fake
		Trees     int     `param:"trees" min:"1" max:"10000" default:"100" doc:"how many"`
		Leaves    int     `param:"leaves" min:"2" default:"31" doc:"of a tree"`
		Rate      float64 `param:"learning_rate" min:">0" max:"1" default:"0.1" doc:"the step"`
		EarlyStop *struct {
			Part   string `param:"part" enum:"valid" default:"valid" doc:"where"`
			Metric string `param:"metric" default:"log_loss" doc:"what"`
			Rounds int    `param:"rounds" min:"1" default:"10" doc:"how long"`
		} `param:"early_stop" doc:"when to stop"`
	}
	binary struct {
		fake
		Part     string   `param:"part" enum:"train|valid|test|folds" default:"test" doc:"which rows"`
		Slices   []string `param:"slices" doc:"columns"`
		Champion string   `param:"champion" doc:"who else"`
	}
)

func (o *filter) Narrow(operators.Site, []string) operators.Op   { return o }
func (o *derive) Narrow(operators.Site, []string) operators.Op   { return o }
func (o *columns) Narrow(operators.Site, []string) operators.Op  { return o }
func (o *distinct) Narrow(operators.Site, []string) operators.Op { return o }
func (o *split) Narrow(operators.Site, []string) operators.Op    { return o }
func (o *encode) Narrow(operators.Site, []string) operators.Op   { return o }
func (o *scale) Narrow(operators.Site, []string) operators.Op    { return o }
func (o *gbdt) Narrow(operators.Site, []string) operators.Op     { return o }
func (o *binary) Narrow(operators.Site, []string) operators.Op   { return o }

func init() {
	add := func(name, main string, f func() operators.Op, outputs []string, inputs ...string) {
		s := operators.Spec{Name: name, Version: 1, Doc: "Is tested with.", Main: main, New: f, Outputs: outputs}
		for _, i := range inputs {
			in := operators.Input{Name: i, Doc: "an input"}
			in.Name, in.Many = strings.CutSuffix(in.Name, "*")
			in.Name, in.Optional = strings.CutSuffix(in.Name, "?")
			s.Inputs = append(s.Inputs, in)
		}
		operators.Register(s)
	}
	add("clean.filter", "where", func() operators.Op { return &filter{} }, []string{"rejected"})
	add("clean.keep", "columns", func() operators.Op { return &columns{} }, nil)
	add("clean.distinct", "", func() operators.Op { return &distinct{} }, nil)
	add("feature.derive", "", func() operators.Op { return &derive{} }, nil)
	add("feature.encode", "", func() operators.Op { return &encode{} }, nil)
	add("feature.scale", "", func() operators.Op { return &scale{} }, nil)
	add("sample.split", "", func() operators.Op { return &split{} }, nil)
	add("sample.parts", "", func() operators.Op { return &distinct{} }, nil, "train", "valid?", "test")
	add("table.join", "", func() operators.Op { return &distinct{} }, nil, "left", "right")
	add("table.zip", "", func() operators.Op { return &distinct{} }, nil, "*")
	add("train.gbdt", "", func() operators.Op { return &gbdt{} }, nil)
	add("evaluate.binary", "", func() operators.Op { return &binary{} }, nil)

	connectors.Register(connectors.Format{Name: "parquet", Doc: "Parquet files.", Options: func() connectors.Options { return &fileOptions{} }})
	connectors.Register(connectors.Format{Name: "sql", Doc: "A database.", Options: func() connectors.Options { return &sqlOptions{} }})
}

var errFake = errors.New("a fake")

type fileOptions struct {
	fakeOptions
	Path string `param:"path" required:"true" doc:"a file, a glob or a folder"`
}

func (o *fileOptions) Locate() *string { return &o.Path }

type sqlOptions struct {
	fakeOptions
	URL   string `param:"url" required:"true" secret:"true" doc:"where"`
	Query string `param:"query" required:"true" doc:"what"`
}

func (o *sqlOptions) Locate() *string { return nil }

type fakeOptions struct{}

func (fakeOptions) Open(context.Context, files.FS, []connectors.Want) (connectors.Dataset, error) {
	return nil, errFake
}
func (fakeOptions) Create(context.Context, files.FS, operators.Schema) (connectors.Writer, error) {
	return nil, errFake
}
