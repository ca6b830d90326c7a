package session

import (
	"reflect"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// What crosses loops is a value: no field of a message, or of the lists that hold messages, is or contains a function.
func TestMessageIsAValue(t *testing.T) {
	for _, v := range []any{Message{}, waiter{}, barrier{}, part{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Type.Kind() == reflect.Func {
				t.Errorf("%v.%s is a function", typ, f.Name)
			}
		}
	}
}

func TestMessageNames(t *testing.T) {
	seen := map[string]messageKind{}
	for k := messageFail; k < messageKinds; k++ {
		name := k.String()
		if o, twice := seen[name]; twice || messageNames[k] == "" {
			t.Errorf("kind %d has the name %q, like kind %d", k, name, o)
		}
		seen[name] = k
	}
	check.Equal(t, (Message{kind: messageFail, reason: errLogout}).String(), "fail: logout", "its text")
}

func TestReceiveOfNothing(t *testing.T) {
	r := newRig(t)
	defer func() {
		check.That(t, recover() != nil, "the zero message was accepted")
	}()
	r.conn.Receive(r.now, Message{})
}
