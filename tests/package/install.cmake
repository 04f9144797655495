# cmake -DBUILD=DIR -DPREFIX=DIR [-DMOVE=DIR] -P: installs a build tree into a fresh prefix, and moves that.
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}" OUTPUT_QUIET
                        COMMAND_ERROR_IS_FATAL ANY)
if(MOVE)
  file(REMOVE_RECURSE "${MOVE}")
  cmake_path(GET MOVE PARENT_PATH parent)
  file(MAKE_DIRECTORY "${parent}")
  file(RENAME "${PREFIX}" "${MOVE}")
endif()
