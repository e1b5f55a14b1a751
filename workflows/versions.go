package workflows

// Version gates.
//
// A running workflow is replayed from its history by whatever release is current. So the order of commands (local
// activities, activities, timers, search attributes, side effects) that this package produces for a given history must
// never change, except behind a gate:
//
//  1. Declare the gate here: a constant with the change id, the reason, the release that brought it, and from when on it
//     may go (a month after that release: no run lives longer than its longest deadline, and long ones continue as new).
//     The change id is kebab case and says what changed, for example "ask-before-send".
//  2. Branch on workflow.GetVersion(ctx, thatConstant, workflow.DefaultVersion, 1) where the behaviour differs. The old
//     branch stays as it was.
//  3. Record new histories beside the old ones (go run ./workflows/testdata/generate -set r2) and add them to SHA256SUMS. A
//     committed history is never recorded again: that would make the test pass and running workflows fail.
//
// No gate is needed for what runs in activities, for the lengths of timers and for activity options, for queries, and for
// the current details. Advance exists so that nearly all changes are of that kind.
//
// So far there are no gates: every history in the set r1 is of the first form.
