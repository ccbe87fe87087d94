# tessera_module(<room> [DEPS <rooms>...] [LIBS <libraries>...])
#
# One static library per room: target tessera_<room>, alias tessera::<room>. Every *.cc below the
# room's folder belongs to it, except *_test.cc, which become the program <room>_tests, and the
# folders named in EXCLUDE. DEPS are other rooms, LIBS third-party targets.
function(tessera_module room)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  foreach(folder ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "^${folder}/")
  endforeach()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  if(NOT sources)  # BOOTSTRAP
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cc "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cc)
  endif()
  add_library(tessera_${room} STATIC ${sources})
  add_library(tessera::${room} ALIAS tessera_${room})
  target_include_directories(tessera_${room} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(tessera_${room} PUBLIC tessera_flags ${ARG_LIBS})
  foreach(dep ${ARG_DEPS})
    target_link_libraries(tessera_${room} PUBLIC tessera::${dep})
  endforeach()

  if(TESSERA_TESTS AND tests)
    tessera_test(${room}_tests SOURCES ${tests} DEPS ${room})
  endif()
endfunction()

# tessera_test(<program> SOURCES <files>... [DEPS <rooms>...] [LABELS <labels>...])
#
# A GoogleTest program whose cases are known to CTest one by one. The label is `unit` unless said.
function(tessera_test program)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS;LIBS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${program} ${ARG_SOURCES})
  target_link_libraries(${program} PRIVATE tessera::testing ${ARG_LIBS} GTest::gtest GTest::gtest_main)
  foreach(dep ${ARG_DEPS})
    target_link_libraries(${program} PRIVATE tessera::${dep})
  endforeach()
  target_compile_definitions(${program} PRIVATE TESSERA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  include(GoogleTest)
  gtest_discover_tests(${program} DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
