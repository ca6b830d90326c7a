package api

import (
	_ "embed"
	"net/http"
)

// document is the description of all routes. TestDocument compares it with the handlers.
//
//go:embed openapi.json
var document []byte

func (s *Server) getDocument(*request) (*reply, error) {
	return &reply{status: http.StatusOK, kind: "application/json", body: document}, nil
}
