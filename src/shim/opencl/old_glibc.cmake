# libmelon.so must start on any glibc from 2.17 on, so it is linked against stand-ins of that glibc:
# shared objects with its names and versions and nothing inside. What is not listed in
# old_glibc.symbols does not link.
file(STRINGS old_glibc.symbols lines REGEX "^[^#]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS old_glibc.symbols)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  set(base_version GLIBC_2.17)  # the first glibc for this processor
else()
  set(base_version GLIBC_2.2.5)
endif()

add_library(melon_old_glibc INTERFACE)
foreach(soname libc.so.6 libdl.so.2 libpthread.so.0)
  set(code "")
  set(versions ${base_version})
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([^ ]+) ([^ ]+) ?(.*)$" matched "${line}")
    if(NOT CMAKE_MATCH_1 STREQUAL soname)
      continue()
    endif()
    set(symbol ${CMAKE_MATCH_2})
    set(version ${base_version})
    if(CMAKE_MATCH_3 AND NOT CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
      set(version ${CMAKE_MATCH_3})
    endif()
    list(APPEND versions ${version})
    string(APPEND code "void stand_in_${symbol}(void) {}\n"
      "__asm__(\".symver stand_in_${symbol}, ${symbol}@@${version}\");\n")
  endforeach()
  list(REMOVE_DUPLICATES versions)
  set(map "")
  foreach(version IN LISTS versions)
    string(APPEND map "${version} {};\n")
  endforeach()
  string(MAKE_C_IDENTIFIER ${soname} id)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/old_glibc)
  file(CONFIGURE OUTPUT ${folder}/${id}.c CONTENT "${code}")
  file(CONFIGURE OUTPUT ${folder}/${id}.map CONTENT "${map}")
  add_custom_command(OUTPUT ${folder}/${soname}
    COMMAND ${CMAKE_C_COMPILER} -shared -fPIC -nostdlib -fuse-ld=bfd -Wl,-soname,${soname}
            -Wl,--version-script,${folder}/${id}.map -o ${folder}/${soname} ${folder}/${id}.c
    DEPENDS ${folder}/${id}.c ${folder}/${id}.map VERBATIM)
  add_custom_target(melon_old_${id}_file DEPENDS ${folder}/${soname})
  # Imported with its name told: for a bare path CMake reads the name out of the file, which a first
  # configuration does not have yet, and then links by -l, against this machine's glibc.
  add_library(melon_old_${id} SHARED IMPORTED)
  set_target_properties(melon_old_${id} PROPERTIES IMPORTED_LOCATION ${folder}/${soname}
    IMPORTED_SONAME ${soname})
  add_dependencies(melon_old_${id} melon_old_${id}_file)
  target_link_libraries(melon_old_glibc INTERFACE melon_old_${id})
endforeach()
