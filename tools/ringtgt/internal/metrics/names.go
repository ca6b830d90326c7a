package metrics

import "github.com/prometheus/client_golang/prometheus"

// metric is one that we make. No label has a value that an initiator chooses: targets, LUNs and loops are the configuration's,
// operations and stages the engine's, and connections have no series of their own (a thousand initiators that come and go would leave
// a thousand series each day; `ringtgt status --latency` shows them).
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

var (
	unit = []string{"target", "lun"}
	kind = append(unit[:2:2], "operation")
	loop = []string{"loop", "cpu"}
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var all []metric

func define(name, help string, kind prometheus.ValueType, labels ...string) metric {
	m := metric{prometheus.NewDesc(name, help, labels, nil), kind}
	all = append(all, m)
	return m
}

var (
	buildInfo   = define("ringtgt_build_info", "Always 1; what runs is in the labels.", gauge, "version", "go_version", "kernel")
	draining    = define("ringtgt_draining", "1 once the daemon was told to end.", gauge)
	sessions    = define("ringtgt_sessions", "Sessions that are up, discovery sessions among them.", gauge)
	readingHeld = define("ringtgt_reading_held_seconds", "The longest time for which this reading kept a loop from its work.", gauge)
	lunSize     = define("ringtgt_lun_size_bytes", "Size of a logical unit.", gauge, unit...)

	lunHealth = define("ringtgt_lun_health", "How a unit's medium is: 0 good, 1 degraded, 2 data or the medium was lost.", gauge, unit...)
	lunFaults = define("ringtgt_lun_faults_total", "What went wrong with a unit's medium, by kind.", counter, append(unit[:2:2], "kind")...)

	stateErrors = define("ringtgt_state_errors_total", "Values that could not be read from the state directory or written to it.", counter)

	commandDuration = define("ringtgt_command_duration_seconds",
		"Time of SCSI commands in the target, from the header to when the kernel took the status, by stage: receive, window, queue, backend, send, total.",
		counter, append(kind[:3:3], "stage")...)
	commands       = define("ringtgt_commands_total", "SCSI commands whose status the kernel has taken.", counter, kind...)
	commandsFailed = define("ringtgt_commands_failed_total", "Those with another status than GOOD.", counter, kind...)
	ioBytes        = define("ringtgt_io_bytes_total", "Data of those, to initiators (read) and from them (write).", counter, kind...)

	connections    = define("ringtgt_connections", "TCP connections of a loop.", gauge, loop...)
	tasks          = define("ringtgt_tasks", "Requests of initiators that a loop has not answered.", gauge, loop...)
	diskInFlight   = define("ringtgt_disk_operations_in_flight", "Operations that a loop has with the kernel's block layer.", gauge, loop...)
	bufferUsed     = define("ringtgt_buffer_used_bytes", "I/O buffers of a loop that are in use.", gauge, loop...)
	bufferTouched  = define("ringtgt_buffer_touched_bytes", "I/O buffers that a loop has taken from the machine.", gauge, loop...)
	bufferLimit    = define("ringtgt_buffer_limit_bytes", "I/O buffers that a loop may take.", gauge, loop...)
	loopCPU        = define("ringtgt_loop_cpu_seconds_total", "Processor time of a loop's thread, user and system.", counter, loop...)
	turns          = define("ringtgt_turns_total", "Turns of a loop: times that it came back from the kernel.", counter, loop...)
	loopCommands   = define("ringtgt_loop_commands_total", "SCSI commands that a loop has begun.", counter, loop...)
	accepted       = define("ringtgt_accepted_connections_total", "TCP connections that a loop has accepted.", counter, loop...)
	refused        = define("ringtgt_refused_connections_total", "TCP connections that a loop closed at once: its table of connections was full.", counter, loop...)
	pdusSent       = define("ringtgt_pdus_sent_total", "PDUs that a loop has sent.", counter, loop...)
	sends          = define("ringtgt_sends_total", "Gathered sends that carried them.", counter, loop...)
	receives       = define("ringtgt_receives_total", "Receives of a loop, into a shared buffer or straight into a task's.", counter, append(loop[:2:2], "into")...)
	diskOperations = define("ringtgt_disk_operations_total", "Operations that a loop has given to the kernel's block layer.", counter, loop...)
	enters         = define("ringtgt_enters_total", "io_uring_enter calls: the system calls of the data path.", counter, loop...)
	blockingEnters = define("ringtgt_blocking_enters_total", "Those that waited for a completion.", counter, loop...)
	polls          = define("ringtgt_polls_total", "Waits of a loop that ended before it went to sleep.", counter, loop...)
	wakes          = define("ringtgt_wakes_total", "Times that another thread woke a loop.", counter, loop...)

	turnDuration = define("ringtgt_turn_duration_seconds", "From when a loop came back from the kernel to when it went there again.", counter, loop...)
	turnCommands = define("ringtgt_turn_commands", "SCSI commands that a turn has begun.", counter, loop...)
	sendPDUs     = define("ringtgt_send_pdus", "PDUs of a gathered send.", counter, loop...)
	turnTasks    = define("ringtgt_turn_tasks", "Requests at the end of a turn that wait for data, memory or the medium.", counter, loop...)
	turnDisk     = define("ringtgt_turn_disk_operations", "Operations with the kernel's block layer under way at the end of a turn.", counter, loop...)

	processCPU      = define("process_cpu_seconds_total", "Processor time of all threads, user and system.", counter)
	processStart    = define("process_start_time_seconds", "When the daemon began to serve, in seconds since 1970.", gauge)
	processResident = define("process_resident_memory_bytes", "Memory that is in RAM.", gauge)
)
