# Makes OUTPUT, a C file with openapi.json and every *.schema.json of FOLDER:
#   cmake -DFOLDER= -DOUTPUT= -P embed_documents.cmake
# In the tree openapi.json refers to its neighbours ("run.schema.json"); served, to their addresses.
file(GLOB files ${FOLDER}/openapi.json ${FOLDER}/*.schema.json)
list(SORT files)
set(rows "")
set(arrays "")
set(count 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  set(served ${OUTPUT}.part)
  if(name STREQUAL "openapi.json")
    file(READ ${file} text)
    string(REGEX REPLACE "\"([a-z_]+[.]schema[.]json)" "\"/api/v1/schemas/\\1" text "${text}")
    file(WRITE ${served} "${text}")
  else()
    configure_file(${file} ${served} COPYONLY)
  endif()
  file(READ ${served} hex HEX)
  file(SHA256 ${served} sha)
  string(SUBSTRING ${sha} 0 32 tag)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char document_${count}[] = {${bytes}};\n")
  string(APPEND rows "    { \"${name}\", \"\\\"${tag}\\\"\", document_${count}, sizeof document_${count} },\n")
  math(EXPR count "${count} + 1")
  file(REMOVE ${served})
endforeach()
file(WRITE ${OUTPUT} "/* Generated from schema/ by daemon/routes/embed_documents.cmake. */
#include \"daemon/routes/documents.h\"

${arrays}
const struct ifm_document ifm_documents[] = {
${rows}};
const size_t ifm_document_count = ${count};
")
