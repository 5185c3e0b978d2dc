# cmake -DCOMMAND=... -DPAGE=... -P compare_output.cmake: fails when what the command prints is not
# what the page holds.
execute_process(COMMAND ${COMMAND} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${COMMAND} ended with ${status}")
endif()
file(READ ${PAGE} page)
if(NOT printed STREQUAL page)
  message(FATAL_ERROR "${PAGE} is not what ${COMMAND} prints; run: make reference")
endif()
