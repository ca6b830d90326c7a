package lun

var startStopCommands = []command{}
