package lun

var capacityCommands = []command{}
