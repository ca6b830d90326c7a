package config

import (
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// Every bound of the configuration, with its reason.
const (
	// maxFile bounds the configuration file: 256 LUNs of a hundred targets, written out, are a tenth of it.
	maxFile = 4 << 20
	// maxName is the longest iSCSI name (RFC 7143 4.2.7.1), maxAlias the longest TargetAlias (13.6; 6.1: 255 bytes).
	maxName  = 223
	maxAlias = 255
	// minSecret is 96 bits, which RFC 7143 9.2.1 requires where IPsec does not protect the network. maxSecret is the longest
	// that open-iscsi accepts.
	minSecret = 12
	maxSecret = 255
	// maxUser is the longest CHAP_N: a simple-value of RFC 7143 6.1.
	maxUser = 255
	// maxSerial is the longest unit serial number that every initiator shows completely.
	maxSerial = 64
	// minBuffers and maxBuffers are the engine's bounds for a loop: one largest transfer, and the largest arena.
	minBuffers = lun.MaxTransfer
	maxBuffers = 16 << 30

	// maxPoll is the engine's bound: longer than any sleep costs.
	maxPoll = time.Millisecond
	// maxDuration: a timeout longer than a day is a mistake.
	maxDuration = 24 * time.Hour
	// maxInterface is the longest name of a network interface: IFNAMSIZ without the terminating zero (netdevice(7)).
	maxInterface = 15
	// minBurst and maxBurst are the engine's: a loop wakes too late to make up for less, and what is saved up over minutes bounds
	// nothing.
	minBurst = 5 * time.Millisecond
	maxBurst = time.Minute
	// maxPool keeps the name of a pool short enough for the paths and URLs that it is part of.
	maxPool = 64
	// maxID keeps the store's keys short.
	maxID = 128
)
