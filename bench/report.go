package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// figure is a number that is printed with three significant digits or as a whole.
type figure float64

// MarshalJSON rounds: more digits than the noise allows only look exact.
func (f figure) MarshalJSON() ([]byte, error) {
	v := float64(f)
	if v != 0 && math.Abs(v) < 1000 {
		scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
		v = math.Round(v*scale) / scale
	} else {
		v = math.Round(v)
	}
	return json.Marshal(v)
}

// print writes one line of the measurement's output.
func print(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, string(text))
	return err
}

// performanceFile is the document that the figures go into, from the repository's root.
const performanceFile = "docs/performance.md"
