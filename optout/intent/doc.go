// Package intent learns to understand whether a message in the customer's own words asks to be left alone, for
// [optout.Classifier]: a small convolutional network over the words of a message, trained on sentences written for it in nine
// languages (corpus/, see train/). It shall prefer to miss a wish, which an agent sees, to silencing somebody who did not ask; no
// model is good enough for that yet, so none is embedded.
package intent
