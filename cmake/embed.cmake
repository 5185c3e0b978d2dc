# melon_embed(<target> <symbol> <files>...): compiles the files' bytes into <target> as
# std::span<const melon::embedded::File> melon::embedded::<symbol>(), declared in
# base/embedded.h's pattern: extern "C++" function of that name. Regenerated when a file changes.
function(melon_embed target symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}_embedded.cc)
  set(inputs)
  foreach(file IN LISTS ARGN)
    list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_custom_command(OUTPUT ${out}
    COMMAND ${MELON_PYTHON} ${PROJECT_SOURCE_DIR}/tools/embed.py ${symbol} ${out} ${inputs}
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/tools/embed.py VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
