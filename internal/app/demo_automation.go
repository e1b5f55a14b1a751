package app

import (
	"context"
	_ "embed"

	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/labels"
)

//go:embed demo.yaml
var demoFile []byte

// demoAutomation applies the demo's business hours, rules, replies and plan of assignment.
func (a *App) demoAutomation(ctx context.Context) error {
	for _, l := range []labels.New{{Name: "Delivery"}, {Name: "Stock"}} {
		if _, err := a.inside.labels.Create(ctx, bySystem, l); err != nil {
			return err
		}
	}
	system := blueprint.Caller{Actor: bySystem, Knows: func(string) bool { return true }, Plans: true, Capacities: true}
	_, err := a.blueprint.Apply(ctx, system, demoFile, blueprint.Application{Comment: "The automation of the demo"})
	return err
}
