module pause.program

go 1.25
