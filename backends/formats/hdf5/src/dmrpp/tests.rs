use base64::{Engine, prelude::BASE64_STANDARD};
use cube_core::{DType, Number};
use cube_manifest::{AttributeValue, ChunkRefs, Codec, Data, Element, Endian, Granule, Padding, Place, Reason, Variable};

use super::{Error, Fault, Location, read};

fn location() -> Location {
    Location { size: Some(100_000), ..Location::new("s3://bucket/a.h5.dmrpp") }
}

fn document(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<Dataset xmlns=\"http://xml.opendap.org/ns/DAP/4.0#\" \
         xmlns:dmrpp=\"http://xml.opendap.org/dap/dmrpp/1.0.0#\" name=\"a.h5\" dmrpp:href=\"OPeNDAP_DMRpp_DATA_ACCESS_URL\" \
         dmrpp:version=\"3.21.1\">\n{body}\n</Dataset>"
    )
}

fn granule(body: &str) -> Granule {
    read(document(body).as_bytes(), &location()).unwrap()
}

fn variable(body: &str) -> Variable {
    granule(body).root.variables.pop().unwrap()
}

fn chunks(variable: &Variable) -> &ChunkRefs {
    match &variable.data {
        Ok(Data::Chunks(chunks)) => chunks,
        other => panic!("{other:?}"),
    }
}

/// Index, file, offset, length and mask of each chunk.
fn references(variable: &Variable) -> Vec<(u64, &str, u64, u64, u32)> {
    let list = chunks(variable).iter().map(|c| match c.place {
        Place::Reference(r) => (c.index, r.url.as_ref(), r.offset, r.length, c.filter_mask),
        Place::Inline(_) => panic!("inline"),
    });
    list.collect()
}

fn inline(variable: &Variable) -> &[u8] {
    match chunks(variable).get(0).unwrap().place {
        Place::Inline(bytes) => bytes,
        Place::Reference(r) => panic!("{r:?}"),
    }
}

fn texts(variable: &Variable) -> &[String] {
    match &variable.data {
        Ok(Data::Text(texts)) => texts,
        other => panic!("{other:?}"),
    }
}

fn refusal(body: &str) -> (Reason, String) {
    let refusal = variable(body).data.unwrap_err();
    (refusal.reason, refusal.detail)
}

fn reason(body: &str) -> Reason {
    refusal(body).0
}

fn error(xml: &str) -> Error {
    read(xml.as_bytes(), &location()).unwrap_err()
}

fn fault(body: &str) -> Fault {
    error(&document(body)).fault
}

fn zlib(bytes: &[u8]) -> String {
    let mut encoder = flate2::read::ZlibEncoder::new(bytes, flate2::Compression::best());
    let mut stream = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut stream).unwrap();
    BASE64_STANDARD.encode(stream)
}

const URL: &str = "s3://bucket/a.h5";

#[test]
fn chunks_have_places_masks_and_files_of_their_own() {
    let v = variable(
        r#"<Int16 name="v"><Dim size="4"/><Dim size="5"/>
        <dmrpp:chunks compressionType="shuffle deflate" deflateLevel="4" fillValue="-1" byteOrder="BE">
          <dmrpp:chunkDimensionSizes>2 3</dmrpp:chunkDimensionSizes>
          <dmrpp:chunk offset="300" nBytes="7" chunkPositionInArray="[2,3]" href="https://other/b.h5"/>
          <dmrpp:chunk offset="100" nBytes="9" chunkPositionInArray="[0,0]"/>
          <dmrpp:chunk offset="200" nBytes="12" chunkPositionInArray="[ 2, 0 ]" fm="3"></dmrpp:chunk>
        </dmrpp:chunks></Int16>"#,
    );
    assert_eq!(
        (v.shape.as_slice(), v.dimensions.as_slice(), v.element),
        ([4, 5].as_slice(), [None, None].as_slice(), Element::Number(DType::Int16, Endian::Big))
    );
    assert_eq!(v.codecs, [Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: Some(4) }]);
    assert_eq!(chunks(&v).chunk_shape(), [2, 3]);
    assert_eq!(references(&v), [(0, URL, 100, 9, 0), (2, URL, 200, 12, 3), (3, "https://other/b.h5", 300, 7, 0)]);
    assert_eq!(v.fill.as_deref(), Some([255, 255].as_slice()));
}

#[test]
fn prefixes_need_not_be_declared() {
    let xml =
        r#"<d:Dataset name="a" dmrpp:href="https://h/b.h5"><Byte name="v"><d:Dim size="2"/><any:chunk offset="1" nBytes="2"/></Byte></d:Dataset>"#;
    let g = read(xml.as_bytes(), &location()).unwrap();
    assert_eq!(references(&g.root.variables[0]), [(0, "https://h/b.h5", 1, 2, 0)]);
    assert_eq!((g.origin.url.as_ref(), g.origin.size), ("https://h/b.h5", Some(100_000)));
}

#[test]
fn deflate_may_occur_twice_and_checksums_first() {
    let v = variable(
        r#"<Byte name="v"><Dim size="4"/><dmrpp:chunks compressionType="fletcher32 deflate deflate" deflateLevel="4 1">
        <dmrpp:chunkDimensionSizes>4</dmrpp:chunkDimensionSizes></dmrpp:chunks></Byte>"#,
    );
    assert_eq!(v.codecs, [Codec::Fletcher32, Codec::Deflate { level: Some(4) }, Codec::Deflate { level: Some(1) }]);
    assert_eq!((chunks(&v).len(), v.fill), (0, None));
}

#[test]
fn documents_without_a_version_have_filters_in_no_order() {
    let old = |chunks: &str| {
        let xml = format!(
            r#"<Dataset name="a" xmlns:h4="x"><Float32 name="v"><Dim size="4"/><Attribute name="_FillValue" type="Float32"><Value>7</Value></Attribute>
            <h4:chunks {chunks}<h4:chunkDimensionSizes>2</h4:chunkDimensionSizes>
            <h4:byteStream chunkPositionInArray="[0]" offset="4" nBytes="3" md5="x" uuid="y"/></h4:chunks></Float32></Dataset>"#
        );
        read(xml.as_bytes(), &location()).unwrap().root.variables.pop().unwrap()
    };
    let v = old(r#"compressionType="deflate shuffle" deflate_level="2">"#);
    assert_eq!(v.codecs, [Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: Some(2) }]);
    assert_eq!(references(&v), [(0, URL, 4, 3, 0)]);
    // Nor had they fill values.
    assert_eq!(v.fill.as_deref(), Some(7_f32.to_le_bytes().as_slice()));
    let xml = r#"<Dataset name="a"><Byte name="v"><Dim size="4"/><chunks><chunkDimensionSizes>2</chunkDimensionSizes></chunks></Byte></Dataset>"#;
    let v = read(xml.as_bytes(), &location()).unwrap().root.variables.pop().unwrap();
    assert_eq!(v.data.unwrap_err().reason, Reason::NotStored);
}

#[test]
fn contiguous_scalar_and_empty_arrays() {
    let v = variable(r#"<Float64 name="v"><Dim size="3"/><dmrpp:chunk offset="8" nBytes="24"/></Float64>"#);
    assert_eq!((chunks(&v).chunk_shape(), references(&v)), ([3].as_slice(), vec![(0, URL, 8, 24, 0)]));
    let v = variable(r#"<Float64 name="v"><dmrpp:chunks><dmrpp:chunk offset="8" nBytes="8"/></dmrpp:chunks></Float64>"#);
    assert_eq!((chunks(&v).chunk_shape(), references(&v)), ([].as_slice(), vec![(0, URL, 8, 8, 0)]));
    let v = variable(r#"<UInt8 name="v"><Dim size="0"/><Dim size="2"/><dmrpp:chunks fillValue="9"/></UInt8>"#);
    assert_eq!((chunks(&v).capacity(), v.fill), (0, Some(vec![9])));
}

#[test]
fn blocks_that_adjoin_are_one_chunk() {
    let blocks = |second: u64| {
        format!(
            r#"<Int16 name="v"><Dim size="6"/><dmrpp:chunks byteOrder="BE"><dmrpp:block offset="10" nBytes="8"/>
            <dmrpp:block offset="{second}" nBytes="4"/></dmrpp:chunks></Int16>"#
        )
    };
    assert_eq!(references(&variable(&blocks(18))), [(0, URL, 10, 12, 0)]);
    assert_eq!(refusal(&blocks(20)), (Reason::Layout, "an array in 2 separate blocks of the file".into()));
    let linked = |second: u64| {
        format!(
            r#"<Byte name="v"><Dim size="4"/><dmrpp:chunks LBChunk="true"><dmrpp:chunkDimensionSizes>2</dmrpp:chunkDimensionSizes>
            <dmrpp:chunk offset="1" nBytes="1" chunkPositionInArray="[0]" LinkedBlockIndex="0"/>
            <dmrpp:chunk offset="{second}" nBytes="1" chunkPositionInArray="[0]" LinkedBlockIndex="1"/>
            <dmrpp:chunk offset="9" nBytes="2" chunkPositionInArray="[2]"/></dmrpp:chunks></Byte>"#
        )
    };
    assert_eq!(references(&variable(&linked(2))), [(0, URL, 1, 2, 0), (1, URL, 9, 2, 0)]);
    assert_eq!(reason(&linked(3)), Reason::Layout);
}

#[test]
fn values_in_the_sidecar_are_inline() {
    let v = variable(
        r#"<Int32 name="v"><Dim size="2"/><dmrpp:chunks fillValue="3" byteOrder="BE"/><dmrpp:compact>AAAA
        AQAAAAI=</dmrpp:compact></Int32>"#,
    );
    assert_eq!((inline(&v), v.element, v.codecs.len()), ([0, 0, 0, 1, 0, 0, 0, 2].as_slice(), Element::Number(DType::Int32, Endian::Big), 0));
    let values: Vec<u8> = (0..100_u16).flat_map(u16::to_le_bytes).collect();
    let v = variable(&format!(r#"<UInt16 name="v"><Dim size="100"/><dmrpp:missingdata>{}</dmrpp:missingdata></UInt16>"#, zlib(&values)));
    assert_eq!(v.codecs, [Codec::Deflate { level: None }]);
    let mut decoded = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(inline(&v)), &mut decoded).unwrap();
    assert_eq!(decoded, values);
    for dim in ["", r#"<Dim size="1"/>"#] {
        let v = variable(&format!(r#"<Byte name="v">{dim}<dmrpp:missingdata>cA==</dmrpp:missingdata></Byte>"#));
        assert_eq!((inline(&v), v.codecs.len()), (b"p".as_slice(), 0));
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    for body in [
        r#"<Byte name="v"><Dim size="2"/><dmrpp:compact>cA==</dmrpp:compact></Byte>"#.to_owned(),
        r#"<Byte name="v"><Dim size="2"/><dmrpp:compact>?!</dmrpp:compact></Byte>"#.to_owned(),
        format!(r#"<Byte name="v"><Dim size="9"/><dmrpp:missingdata>{}</dmrpp:missingdata></Byte>"#, zlib(&[0; 10])),
        format!(r#"<Byte name="v"><Dim size="11"/><dmrpp:missingdata>{}</dmrpp:missingdata></Byte>"#, zlib(&[0; 10])),
        r#"<Byte name="v"><Dim size="2"/><dmrpp:missingdata>cHA=</dmrpp:missingdata></Byte>"#.to_owned(),
        r#"<Byte name="v"><Dim size="2"/><dmrpp:compact>cHA=</dmrpp:compact><dmrpp:chunk offset="1" nBytes="2"/></Byte>"#.to_owned(),
    ] {
        assert_eq!(reason(&body), Reason::Inconsistent, "{body}");
    }
}

#[test]
fn texts_of_any_length() {
    let long = "long ".repeat(300);
    let body = format!(
        r#"<String name="v"><Dim size="2"/><Dim size="3"/><dmrpp:vlsa><v>a &amp; b</v><v c="3">c</v><v s="1500">{}</v><v/></dmrpp:vlsa></String>"#,
        zlib(long.as_bytes())
    );
    let v = variable(&body);
    assert_eq!((v.element, texts(&v)), (Element::VariableText, ["a & b", "c", "c", "c", &long, ""].map(str::to_owned).as_slice()));
    let v = variable(r#"<String name="v"><Dim size="2"/><dmrpp:vlsa>YQ==;YmM=;</dmrpp:vlsa></String>"#);
    assert_eq!(texts(&v), ["a", "bc"]);
    assert_eq!(texts(&variable(r#"<String name="v"><dmrpp:compact>YWI=</dmrpp:compact></String>"#)), ["ab"]);
    assert_eq!(texts(&variable(r#"<String name="v"><dmrpp:chunks fillValue="x"/></String>"#)), ["x"]);
    assert_eq!(reason(r#"<String name="v"><Dim size="3"/><dmrpp:vlsa><v>a</v></dmrpp:vlsa></String>"#), Reason::Inconsistent);
    assert_eq!(
        reason(r#"<String name="v"><Dim size="3"/><dmrpp:chunks><dmrpp:chunk offset="1" nBytes="48"/></dmrpp:chunks></String>"#),
        Reason::ElementType
    );
}

#[test]
fn texts_of_fixed_length() {
    let v = variable(
        r#"<String name="v"><Dim size="4"/><dmrpp:chunks fillValue="aa" compressionType="deflate"><dmrpp:chunkDimensionSizes>2</dmrpp:chunkDimensionSizes>
        <dmrpp:chunk offset="1" nBytes="5" chunkPositionInArray="[2]"/></dmrpp:chunks>
        <dmrpp:FixedLengthStringArray string_length="3" pad="space_pad"/></String>"#,
    );
    assert_eq!((v.element, v.fill.as_deref()), (Element::Text { bytes: 3, padding: Padding::Space }, Some(b"aa ".as_slice())));
    assert_eq!(references(&v), [(1, URL, 1, 5, 0)]);
    let scalar = |length: u64, fill: &str| {
        format!(r#"<String name="v"><dmrpp:chunks fillValue="{fill}"><dmrpp:chunk offset="1" nBytes="{length}"/></dmrpp:chunks></String>"#)
    };
    assert_eq!(variable(&scalar(9, "")).element, Element::Text { bytes: 9, padding: Padding::NullTerminated });
    // That many bytes may also be where HDF5 says where the text is.
    assert_eq!(reason(&scalar(16, "unsupported-string")), Reason::ElementType);
}

#[test]
fn enumerations_are_numbers_with_names() {
    let body = r#"<Group name="g"><Enum name="v" enum="/Color"><Dim size="2"/><dmrpp:chunk offset="1" nBytes="4"/></Enum></Group>
        <Enumeration name="Color" basetype="Int16"><EnumConst name="RED" value="-1"/><EnumConst name="BLUE" value="2"/></Enumeration>"#;
    let v = &granule(body).root.groups[0].variables[0];
    assert_eq!(v.element, Element::Number(DType::Int16, Endian::Little));
    assert_eq!(v.enumeration, [("RED".to_owned(), Number::Int(-1)), ("BLUE".to_owned(), Number::Int(2))]);
    assert_eq!(references(v), [(0, URL, 1, 4, 0)]);
    assert_eq!(reason(r#"<Enum name="v" enum="/None"><dmrpp:chunk offset="1" nBytes="4"/></Enum>"#), Reason::ElementType);
}

#[test]
fn dimensions_are_found_by_path_or_from_within() {
    let g = granule(
        r#"<Dimension name="x" size="2"/><Group name="a"><Dimension name="x" size="3"/><Group name="b">
        <Byte name="v"><Dim name="x"/><Dim name="/x"/><Dim name="/a/x"/><Dim name="/late"/><dmrpp:chunks/></Byte></Group>
        <Byte name="w"><Dim name="x"/><dmrpp:chunks/></Byte></Group>
        <Dimension name="late" size="5"/><Attribute name="DODS_EXTRA" type="Container"><Attribute name="Unlimited_Dimension" type="String">
        <Value>late</Value></Attribute></Attribute>"#,
    );
    let v = &g.root.group("/a/b").unwrap().variables[0];
    assert_eq!(g.root.group("/a").unwrap().variables[0].dimensions, [Some("/a/x".to_owned())]);
    assert_eq!(v.shape, [2, 2, 3, 5]);
    assert_eq!(v.dimensions, ["/x", "/x", "/a/x", "/late"].map(|d| Some(d.to_owned())));
    assert_eq!(g.root.dimensions.iter().map(|d| d.unlimited).collect::<Vec<_>>(), [false, true]);
    assert_eq!(reason(r#"<Byte name="v"><Dim name="/none"/><dmrpp:chunks/></Byte>"#), Reason::Inconsistent);
}

#[test]
fn attributes_keep_their_types() {
    let g = granule(
        r#"<Attribute name="one" type="Int16"><Value>-3</Value></Attribute><Attribute name="two" type="Float32"><Value>0.1</Value><Value>NaN</Value></Attribute>
        <Attribute name="text" type="String"><Value>a &lt; b
c</Value></Attribute><Attribute name="texts" type="String"><Value>a</Value><Value value="b"/></Attribute><Attribute name="none" type="UInt8"/>
        <Attribute name="odd" type="OtherXML"><x><y/></x></Attribute><Attribute name="wrong" type="Byte"><Value>-1</Value></Attribute>
        <Attribute name="build_dmrpp_metadata" type="Container"><Attribute name="created" type="String"><Value>x</Value></Attribute></Attribute>
        <Attribute name="HDF5_GLOBAL" type="Container"><Attribute name="title" type="String"><Value>t</Value></Attribute></Attribute>
        <Attribute name="dim_0" type="Container"><Attribute name="name" type="String"><Value>n</Value></Attribute></Attribute>
        <Attribute name="_NCProperties" type="String"><Value>x</Value></Attribute><Attribute name="one" type="Int16"><Value>4</Value></Attribute>
        <Float32 name="lat"><Attribute name="CLASS" type="String"><Value>DIMENSION_SCALE</Value></Attribute><Attribute name="NAME" type="String"><Value>lat</Value></Attribute>
        <Attribute name="units" type="String"><Value>degrees_north</Value></Attribute></Float32>"#,
    );
    let text = |t: &str| AttributeValue::Text(t.to_owned());
    let found: Vec<(&str, &AttributeValue)> = g.root.attributes.iter().map(|a| (a.name.as_str(), &a.value)).collect();
    let expected = [
        ("one", AttributeValue::Number(DType::Int16, Number::Int(-3))),
        ("two", AttributeValue::Numbers(DType::Float32, vec![Number::Float(f64::from(0.1_f32)), Number::Float(f64::NAN)])),
        ("text", text("a < b\nc")),
        ("texts", AttributeValue::Texts(vec!["a".into(), "b".into()])),
        ("none", AttributeValue::Numbers(DType::UInt8, vec![])),
        ("odd", AttributeValue::Other("OtherXML".into())),
        ("wrong", AttributeValue::Other("Byte that is not a number".into())),
        ("title", text("t")),
        ("dim_0.name", text("n")),
    ];
    assert_eq!(found.len(), expected.len());
    for ((name, value), expected) in found.into_iter().zip(&expected) {
        // NaN differs from itself, so that its text is compared.
        assert_eq!((name, format!("{value:?}")), (expected.0, format!("{:?}", expected.1)));
    }
    let lat = &g.root.variables[0];
    assert_eq!(lat.attributes.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["units"]);
}

#[test]
fn what_cannot_be_referred_to_is_refused_by_name() {
    let cases = [
        (r#"<Structure name="v"><Int32 name="a"/><Dim size="2"/><dmrpp:chunks structOffset="4 8"/></Structure>"#, Reason::ElementType, "structure"),
        (
            r#"<Int32 name="v"><dmrpp:chunks structOffset="4 8"><dmrpp:chunk offset="1" nBytes="4"/></dmrpp:chunks></Int32>"#,
            Reason::Layout,
            "elements are parts of a structure",
        ),
        (r#"<Int32 name="v"/>"#, Reason::NotStored, "the sidecar has no reference to its values"),
        (r#"<Int32 name="v"><dmrpp:chunks compressionType="shuffle szip"/></Int32>"#, Reason::Codec, "filter `szip` (4)"),
        (r#"<Int32 name="v"><dmrpp:chunks fillValue="unsupported-array"/></Int32>"#, Reason::ElementType, "unsupported-array"),
        (r#"<Int32 name="v"><dmrpp:chunks byteOrder="PDP"/></Int32>"#, Reason::Inconsistent, "byte order `PDP`"),
        (r#"<Int32 name="a/b"><dmrpp:chunks/></Int32>"#, Reason::Inconsistent, "`a/b` cannot be part of a path"),
        (r#"<Opaque name="v"><Dim size="2"/><dmrpp:chunks/></Opaque>"#, Reason::ElementType, "opaque bytes of a length that is not stated"),
        (
            r#"<Int32 name="v"><Dim size="2"/><dmrpp:chunks fillValue="7" byteOrder="BE"/></Int32>"#,
            Reason::Inconsistent,
            "fill value `7` of a big-endian variable may be meant with its bytes swapped",
        ),
    ];
    for (body, reason, detail) in cases {
        assert_eq!(refusal(body), (reason, detail.to_owned()));
    }
    let v = variable(r#"<Opaque name="v"><Dim size="2"/><dmrpp:chunk offset="1" nBytes="10"/></Opaque>"#);
    assert_eq!((v.element, references(&v)), (Element::Opaque(5), vec![(0, URL, 1, 10, 0)]));
}

#[test]
fn chunks_that_contradict_their_array_are_refused_and_others_read() {
    let with = |chunks: &str| {
        format!(
            r#"<Byte name="v"><Dim size="4"/><dmrpp:chunks><dmrpp:chunkDimensionSizes>2</dmrpp:chunkDimensionSizes>{chunks}</dmrpp:chunks></Byte>"#
        )
    };
    for chunk in [
        r#"<dmrpp:chunk offset="1" nBytes="2" chunkPositionInArray="[1]"/>"#,
        r#"<dmrpp:chunk offset="1" nBytes="2" chunkPositionInArray="[4]"/>"#,
        r#"<dmrpp:chunk offset="1" nBytes="2" chunkPositionInArray="[0,0]"/>"#,
        r#"<dmrpp:chunk offset="1" nBytes="2"/>"#,
        r#"<dmrpp:chunk offset="1" nBytes="3" chunkPositionInArray="[0]"/>"#,
        r#"<dmrpp:chunk offset="1" nBytes="2" chunkPositionInArray="[0]"/><dmrpp:chunk offset="1" nBytes="2" chunkPositionInArray="[0]"/>"#,
    ] {
        let mut g = granule(&(with(chunk) + r#"<Byte name="w"><dmrpp:chunk offset="1" nBytes="1"/></Byte>"#));
        assert!(g.root.variables.pop().unwrap().data.is_ok());
        assert_eq!(g.root.variables.pop().unwrap().data.unwrap_err().reason, Reason::Inconsistent, "{chunk}");
    }
    assert_eq!(reason(&with("").replace(">2<", ">2 2<")), Reason::Inconsistent);
    assert_eq!(reason(&with("").replace(">2<", ">0<")), Reason::Inconsistent);
    assert_eq!(
        reason(&with("").replace(
            "<dmrpp:chunkDimensionSizes>2</dmrpp:chunkDimensionSizes>",
            r#"<dmrpp:chunk offset="1" nBytes="2"/><dmrpp:chunk offset="3" nBytes="2"/>"#
        )),
        Reason::Inconsistent
    );
}

#[test]
fn errors_say_where() {
    let e = error(&document("<Byte name=\"v\">\n  <dmrpp:chunk offset=\"-1\" nBytes=\"1\"/></Byte>"));
    assert_eq!((e.at.line, e.at.element.as_str()), (4, "dmrpp:chunk"));
    assert_eq!(e.fault, Fault::Number { what: "offset", value: "-1".into() });
    assert_eq!(e.to_string(), "line 4, column 3, in `dmrpp:chunk`: offset `-1` is not a number from 0 to 18446744073709551615");
    assert!(error("number of blocks is: 1\n<Dataset/>").hint().unwrap().contains("login page"));
}

#[test]
fn hostile_documents_are_errors() {
    let chunk = |attributes: &str| format!(r#"<Byte name="v"><dmrpp:chunk {attributes}/></Byte>"#);
    assert!(matches!(fault(&chunk(r#"offset="18446744073709551616" nBytes="1""#)), Fault::Number { what: "offset", .. }));
    assert!(matches!(fault(&chunk(r#"offset="1" nBytes="1e3""#)), Fault::Number { what: "nBytes", .. }));
    assert!(matches!(fault(&chunk(r#"offset="1" nBytes="1" fm="4294967296""#)), Fault::Number { what: "fm", .. }));
    assert!(matches!(fault(&chunk(r#"offset="1" nBytes="1" chunkPositionInArray="0""#)), Fault::Number { what: "chunkPositionInArray", .. }));
    assert_eq!(fault(&chunk(r#"offset="1""#)), Fault::Missing("nBytes"));
    assert_eq!(fault(&chunk(r#"offset="99999" nBytes="2""#)), Fault::Beyond { offset: 99_999, length: 2, size: 100_000 });
    assert!(matches!(fault(&chunk(r#"offset="18446744073709551615" nBytes="18446744073709551615""#)), Fault::Beyond { .. }));
    assert!(matches!(fault(r#"<Byte name="v"><Dim size="-4"/></Byte>"#), Fault::Number { what: "size", .. }));
    assert!(matches!(fault(r#"<Int16 name="v"><Dim size="4294967296"/><Dim size="1073741824"/></Int16>"#), Fault::Size { .. }));
    assert!(matches!(fault(r#"<Byte name="v"/><Byte name="v"/>"#), Fault::Twice { what: "variable", .. }));
    assert!(matches!(fault(r#"<Dimension name="v" size="1"/><Dimension name="v" size="2"/>"#), Fault::Twice { what: "dimension", .. }));
    assert_eq!(fault(r#"<Group name=".."/>"#), Fault::Name("..".into()));
    assert_eq!(fault(r#"<Byte/>"#), Fault::Missing("name"));
    assert_eq!(fault(&("<Group name=\"g\">".repeat(200) + &"</Group>".repeat(200))), Fault::Depth(128));
    assert_eq!(fault(&("<x>".repeat(5000))), Fault::Depth(128));
    assert_eq!(fault(r#"<Attribute name="a" type="String"><Value>&bomb;</Value></Attribute>"#), Fault::Entity("bomb".into()));
    assert_eq!(fault(r#"<Byte name="&bomb;"/>"#), Fault::Entity("bomb".into()));
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Dataset name="x"><Byte name="&b;"/></Dataset>"#;
    assert_eq!(error(bomb).fault, Fault::Doctype);
    assert_eq!(error(r#"<html><body/></html>"#).fault, Fault::Root("html".into()));
    for text in [
        "",
        "no xml",
        "<Dataset",
        "<Dataset name=\"x\">",
        "<Dataset name=\"x\"></Other>",
        "<Dataset name=\"x\"/><Dataset/>",
        "<Dataset name=\"x\"/>x",
        "</x>",
        "<Dataset name=x/>",
    ] {
        assert!(matches!(error(text).fault, Fault::Malformed(_)), "{text}");
    }
    assert_eq!(
        read(b"<?xml version=\"1.0\" encoding='UTF-8'?>\n<Dataset name=\"\xff\"/>", &location()).unwrap_err().fault,
        Fault::Encoding("utf-8".into())
    );
    assert!(matches!(read(b"<Dataset/>", &Location::new("x.xml")).unwrap_err().fault, Fault::DataFile(_)));
}

#[test]
fn small_documents_that_ask_for_much_are_refused() {
    let texts = r#"<String name="v"><Dim size="1000000000"/><dmrpp:vlsa><v c="1000000000">x</v></dmrpp:vlsa></String>"#;
    assert_eq!(reason(texts), Reason::Layout);
    let texts = texts.replace("<v c=\"1000000000\">", "<v c=\"18446744073709551615\" s=\"18446744073709551615\">");
    assert_eq!(reason(&texts), Reason::Layout);
    let bomb = format!(r#"<Byte name="v"><Dim size="1000000000000"/><dmrpp:missingdata>{}</dmrpp:missingdata></Byte>"#, zlib(&[0; 1000]));
    assert_eq!(reason(&bomb), Reason::Layout);
    let values: String = (0..1000).map(|i| format!(r#"<EnumConst name="{}{i}" value="{i}"/>"#, "x".repeat(200))).collect();
    let enums: String = (0..400).map(|i| format!(r#"<Enum name="v{i}" enum="/E"><dmrpp:chunks/></Enum>"#)).collect();
    let g = granule(&format!(r#"<Enumeration name="E" basetype="Int32">{values}</Enumeration>{enums}"#));
    assert!(g.root.variables[0].data.is_ok());
    assert_eq!(g.root.variables[399].data.clone().unwrap_err().reason, Reason::Layout);
    let long = "g".repeat(600);
    assert!(matches!(fault(&format!(r#"<Group name="{long}"><Group name="{long}"/></Group>"#)), Fault::Name(_)));
    assert!(matches!(fault(&format!(r#"<Attribute name="{long}" type="Container"/>"#)), Fault::Name(_)));
    let grid = r#"<Byte name="v"><Dim size="9223372036854775807"/><dmrpp:chunks><dmrpp:chunkDimensionSizes>1</dmrpp:chunkDimensionSizes></dmrpp:chunks></Byte>"#;
    assert_eq!(chunks(&variable(grid)).len(), 0);
    let wide = r#"<Int64 name="v"><Dim size="4"/><dmrpp:chunks><dmrpp:chunkDimensionSizes>18446744073709551615</dmrpp:chunkDimensionSizes>
        <dmrpp:chunk offset="1" nBytes="8" chunkPositionInArray="[0]"/></dmrpp:chunks></Int64>"#;
    assert_eq!(reason(wide), Reason::Inconsistent);
}

#[test]
fn latin_1_is_read() {
    let (before, after) = (document("<Attribute name=\"a\" type=\"String\"><Value>caf"), "</Value></Attribute></Dataset>");
    let before = before.strip_suffix("\n</Dataset>").unwrap();
    for bytes in [b"\xe9".as_slice(), "é".as_bytes(), b"&#233;", b"&#xE9;", b"<![CDATA[\xe9]]>"] {
        let xml = [before.as_bytes(), bytes, after.as_bytes()].concat();
        let g = read(&xml, &location()).unwrap();
        assert_eq!(g.root.attribute("a"), Some(&AttributeValue::Text("café".to_owned())));
    }
}

#[test]
fn no_prefix_of_a_document_and_no_change_in_it_panics() {
    let body = r#"<Dimension name="x" size="4"/><Enumeration name="E" basetype="Byte"><EnumConst name="A" value="1"/></Enumeration>
        <Int16 name="v"><Dim name="/x"/><Attribute name="_FillValue" type="Int16"><Value>-1</Value></Attribute>
        <dmrpp:chunks compressionType="shuffle deflate" deflateLevel="4" fillValue="-1" byteOrder="LE"><dmrpp:chunkDimensionSizes>2</dmrpp:chunkDimensionSizes>
        <dmrpp:chunk offset="300" nBytes="7" chunkPositionInArray="[2]" href="b.h5" fm="1"/></dmrpp:chunks></Int16>
        <String name="s"><Dim size="2"/><dmrpp:vlsa><v c="2">a</v></dmrpp:vlsa></String><Enum name="e" enum="/E"><dmrpp:compact>AQ==</dmrpp:compact></Enum>"#;
    let xml = document(body).into_bytes();
    for end in 0..xml.len() {
        let _ = read(&xml[..end], &location());
    }
    for at in 0..xml.len() {
        for byte in [b'<', b'>', b'"', b'&', b'/', b'-', b'9', b' ', 0, 0xff] {
            let mut changed = xml.clone();
            changed[at] = byte;
            let _ = read(&changed, &location());
        }
    }
}
