# melon_reference(<program> <page> [arguments...]): docs/reference/<page> is what the program prints.
# `cmake --build --target reference` writes it, and a test fails when the two differ.
add_custom_target(reference)
function(melon_reference program page)
  set(file ${PROJECT_SOURCE_DIR}/docs/reference/${page})
  add_custom_target(reference_${page}
    COMMAND ${program} ${ARGN} > ${file} VERBATIM)
  add_dependencies(reference reference_${page})
  if(BUILD_TESTING AND NOT MELON_ONLY_THREADED_TESTS)
    add_dependencies(unit_tests ${program})
    add_test(NAME reference/${page} COMMAND ${CMAKE_COMMAND}
      "-DCOMMAND=$<TARGET_FILE:${program}>;${ARGN}" -DPAGE=${file}
      -P ${PROJECT_SOURCE_DIR}/cmake/compare_output.cmake)
    set_tests_properties(reference/${page} PROPERTIES LABELS unit TIMEOUT 60)
  endif()
endfunction()
