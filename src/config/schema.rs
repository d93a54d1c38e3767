pub fn schema() -> crate::model::Json {
    Default::default()
}
