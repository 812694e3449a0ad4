// Reads YAML documents with kubectl's own reader and writes what it makes of each.
//
// Standard input: a JSON list of documents, each in base64 (some are no text at all).
// Standard output: a JSON list with one object a document. "json" is what an API server would be sent, "error" is why
// the reader refused; "strict" is what it adds when it minds keys given twice, as an API server does.
package main

import (
	"encoding/json"
	"os"

	"sigs.k8s.io/yaml"
)

type reading struct {
	JSON   string `json:"json"`
	Error  string `json:"error"`
	Strict string `json:"strict"`
}

func main() {
	var documents [][]byte
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		panic(err)
	}
	readings := make([]reading, len(documents))
	for i, document := range documents {
		readings[i] = read(document)
	}
	if err := json.NewEncoder(os.Stdout).Encode(readings); err != nil {
		panic(err)
	}
}

func read(document []byte) reading {
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return reading{Error: err.Error()}
	}
	if _, err := yaml.YAMLToJSONStrict(document); err != nil {
		return reading{JSON: string(text), Strict: err.Error()}
	}
	return reading{JSON: string(text)}
}
