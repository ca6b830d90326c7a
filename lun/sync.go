package lun

var syncCommands = []command{}
