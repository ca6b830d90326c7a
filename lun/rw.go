package lun

var mediaCommands = []command{}
