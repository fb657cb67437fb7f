def test_x(checkpoint, spoken_questions, salad_model, other_text_lm, contents):
    print(list(contents(checkpoint)))
