package compare

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
