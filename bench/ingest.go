package main

import (
	"context"
	"errors"
)

func runIngest(context.Context, []string) error { return errors.New("not measured yet") }
